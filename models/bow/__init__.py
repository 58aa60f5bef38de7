"""The kind `bow`: TF-IDF and logistic regression in one scikit-learn pipeline, saved with skops."""
