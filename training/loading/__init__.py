"""From a model that lies in MLflow to a version of a project's model, without training it again."""
