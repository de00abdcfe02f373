"""The version of the client; the same as the server's it comes with."""

VERSION = "0.1.0"
