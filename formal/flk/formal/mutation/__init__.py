"""Mutation testing: small changes of the source, made by rule, and which check sees each of them.

Here are mutants, checks, the ladder of checks that each mutant climbs, the ledger of those that live, and the report; and in
`protocols/` the operators and checks for protocols. What mutates programs plugs in as a `Target` and stands in other rooms.

The words are the field's (DeMillo, Lipton, Sayward, "Hints on Test Data Selection", Computer 11(4), 1978; Jia and Harman, "An
Analysis and Survey of the Development of Mutation Testing", TSE 37(5), 2011): a mutant is *killed* by a check that tells it from
the original, *equivalent* if nothing can, and *living* otherwise.
"""
