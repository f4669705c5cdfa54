"""The three answers to a question, and how numbers are written for a person."""
