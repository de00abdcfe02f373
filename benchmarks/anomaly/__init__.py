"""How good is `auto` for anomalies, beside scikit-learn's IsolationForest with its defaults, on the same rows?"""
