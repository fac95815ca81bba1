"""Scenarios, hunts, protocols and claims as tests of anybody's project: the plugin for pytest, and what it checks.

    @pytest.mark.flk_scenario("split-brain", seeds=20)
    def test_split_brain(result): ...

`plugin` is what pytest loads, and imports nothing but pytest until a test carries one of its marks; `checks` does the work.
"""
