import time
from fakes.scripted_smtp import *
def test_a(through):
    t=time.time()
    e,s=through()
    print(e.states, e.sentence, time.time()-t)
def test_b(through):
    t=time.time()
    e,s=through(on("RCPT", say("550 5.1.1 no such user"), where="r3@"))
    print(e.states, e.sentence, time.time()-t)
