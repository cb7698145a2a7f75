"""What sending services tell of the letters they took over: SES, SendGrid, Mailgun, Postmark."""
