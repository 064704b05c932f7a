"""How does it look over HTTP? The application, its routes, the shapes of its messages, and the server."""
