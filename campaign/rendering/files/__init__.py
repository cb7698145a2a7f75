"""Files that travel with a letter: attachments, and the images inside its HTML."""
