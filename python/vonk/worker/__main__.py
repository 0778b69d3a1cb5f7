"""`python -m vonk.worker SOCKET FOLDER`: the fork server. Its standard input is the server's control channel.

SOCKET is where workers connect to, FOLDER where they have their temporary files.
"""

import sys

if sys.version_info < (3, 10):
    sys.exit("Python 3.10 or later is needed, this is " + sys.version.split()[0])

if __name__ == "__main__":
    from vonk.worker.launcher import main

    main(sys.argv[1], sys.argv[2])
