# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the structures of a job have to be when its message arrives: on each chip, with each firmware.

Fields have the table's names. A field that is not named here has to be zero, be it reserved or the firmware's own. Values come
from the UAPI's fields by the formulas of m1n1's and the driver in the field's render path; constants without an explanation are
what those two write.
"""
from compute import Compute
from fragment import Fragment
from queues import Queues
from registers import RegisterRules
from sequences import Sequences
from setup import Setup
from vertex import Vertex


class Capture(Queues, Vertex, Fragment, Compute, RegisterRules, Sequences, Setup):
    """A capture of the message of a pipe, judged from the message on."""
