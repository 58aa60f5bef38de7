"""moto's S3 server, one request at a time.

By itself moto answers a conditional write in two steps: it checks whether the object exists, and
then writes it.
"""

import sys
from io import BytesIO
from threading import Lock

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server


class _Connection(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept alive


def main(port: int) -> None:
    moto, lock = DomainDispatcherApplication(create_backend_app), Lock()

    def app(environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        with lock:
            return [b"".join(moto(environ, start_response))]

    make_server("127.0.0.1", port, app, threaded=True, request_handler=_Connection).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
