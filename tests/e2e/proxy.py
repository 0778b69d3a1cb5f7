"""A TCP proxy that breaks connections: the network between a client and the server on a bad day."""

import socket
import threading


class FlakyProxy:
    """Passes bytes on to `port` and cuts a connection after `cut_bytes` from the server, `cuts` times in all."""

    def __init__(self, port, cut_bytes, cuts):
        self._target, self._cut_bytes, self._left = port, cut_bytes, cuts
        self._lock = threading.Lock()
        self.cut_count = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"sc://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _may_cut(self):
        with self._lock:
            if self._left == 0:
                return False
            self._left -= 1
            self.cut_count += 1
            return True

    def _pass(self, source, sink, is_answer):
        passed = 0
        try:
            while data := source.recv(16384):
                sink.sendall(data)
                passed += len(data)
                if is_answer and passed >= self._cut_bytes and self._may_cut():
                    break
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def close(self):
        self._listener.close()
