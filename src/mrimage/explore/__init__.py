"""The explorer: a web page over the tables and images of an OUT. It writes nothing into OUT.

The server prepares columns of bytes and draws pictures; the browser filters, counts and sorts. So
the same page works as static files, which ``exported`` writes.
"""
