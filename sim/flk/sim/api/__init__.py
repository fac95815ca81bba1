"""What a researcher types: the functions of `flk.sim` and the results they give. No other module of the room imports from here."""
