"""The OpenAPI 3.1 document of the routes, and the page that displays it."""
