"""A realm of this node and a realm of a central router, joined by a connection that comes and goes.

    uplink      the whole: link, rules, store and status of one section of `uplinks`
    link        the connection: tries one address after another, waits longer and longer, says up and down
    session     a client's session that hands messages on as they are, payloads undecoded; one at each end
    rules       what a section's rules mean: which names are handed on, which way, and under which other name
    events      events up and down
    procedures  procedures of one end offered at the other; calls on their way, message by message
    mirror      what one end has subscribed to or registered, followed at the other (meta API)
    filters     which events a metered link need not carry
    keeping     what the store of events is to the rest: `Kept`, `Sender`, `Store`; Protocols and records only
    spool       the store (SQLite): loaded only for rules that have `buffer`; `replay` says what is sent when,
                `spoollane` what waits for what, `spoolwriter` and `spoolfile` bring it to the disk, in `spoolthread`
    status      how the link is, as a retained topic and a procedure
    announcement    that the board is there, at the central router

The two ends are `client` sessions, so that the permissions of both routers apply. Nothing may live here that knows a
realm's insides, a socket or a device.
"""
