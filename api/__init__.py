"""HTTP in, HTTP out: routes, schemas, authentication, errors. Everything else happens in the rooms below."""
