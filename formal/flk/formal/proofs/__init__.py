"""What is proved: the theorems of the lab, about protocols and about data, those in Coq, and the claims that rest on them."""
