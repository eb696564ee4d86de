"""What a person sees: pages made on the server, in one design with the HTML report.

Scripts (`static/serve.js`) add what HTML cannot: the viewer's zoom and slider, keys, progress while it runs. Lists,
links and forms work without them.
"""
