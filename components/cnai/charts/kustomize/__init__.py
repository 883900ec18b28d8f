"""What upstream ships as kustomizations or plain files: fetched by ref and checksum, rendered, made a chart."""
