"""Why an answer is wrong: the known wrong forms, tried on the cases that failed. Asks nothing and knows no process."""
