"""The door for applications that know SMTP alone: accepted mail is a letter that is kept."""
