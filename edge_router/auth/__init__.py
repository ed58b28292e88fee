"""How clients log in, one method a file. No Twisted; `router.interfaces.Authenticator` says what a method is."""
