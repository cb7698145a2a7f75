"""Letters as they will be sent, looked at before anybody gets one."""
