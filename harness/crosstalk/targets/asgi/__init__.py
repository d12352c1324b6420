"""ASGI applications as targets: a whole FastAPI, Starlette, Django, Litestar or Quart application, in memory.

The application is served as a production server would serve it, over its own `receive` and `send`, on the virtual loop:
no sockets, no threads. Every send is a gate of the schedule, every connection, request and message an arrival.

    modules      the project's own modules, loaded afresh as in a new process
    threads      work that frameworks give to threads, run inline
    options      what connections and requests carry, from templates
    lifespan     startup and shutdown
    connection   one WebSocket connection
    request      one HTTP request
    server       connect, disconnect and publish of a served application
    application  which application, and whether the next run may have it again
"""
