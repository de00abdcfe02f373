"""Tables: models of rows, chosen by cross-validation, exported as one ONNX file with all preprocessing inside."""
