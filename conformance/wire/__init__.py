"""Cases over the wire: one module for each page of the manual or theme of the clauses.

    @case("page/words", "page.clause-id", …)
    def words(p: Peer) -> None:
        \"\"\"What must be so, in a sentence.\"\"\"

`conformance/check/peer.py` has the words.  A step that must work for the case to mean anything is
`p.ok` or one of its kin; what the case is about is `p.must`, `p.refuses`, `p.equal` and their kin,
which name the clause.  A case that refuses something sends its nearest legal relative too.
"""
