"""When a message may go: windows, zones, holidays, ramps.

In: settings, an instant, a recipient's zone, what was sent before.  Out: answers.
Touches: the zone database and the `holidays` package, for reading.

Time answers, it never sleeps: everything here is asked "may this one go at t, and if not, when?".
The same code on a virtual clock is the forecast.  Instants are Unix seconds; local times exist only
inside `zones` and `calendar`.
"""
