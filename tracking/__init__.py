"""Jobs and models in MLflow: what ended is logged there, and a model that lies there is read."""
