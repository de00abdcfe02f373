"""The OpenAPI document, made from the route table and the declared operations, and the page that shows it."""
