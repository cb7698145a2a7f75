"""Events that sending services post: who posted is verified, and the post is kept.

What a post says is read later, by `campaign bounces`, which has the journals.
"""
