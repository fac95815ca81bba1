"""Requests and answers: submissions, the table of answers, admission, back-pressure, circuit breakers. Knows no store."""
