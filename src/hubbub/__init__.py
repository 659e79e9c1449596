"""hubbub: a real-time chat server, a chat library and its clients.

The names below are the whole domain that a newcomer needs; importing them loads the standard library alone.
"""

from hubbub.domain.messages import Message
from hubbub.domain.rooms import ChatRoom
from hubbub.domain.users import User

__all__ = ["ChatRoom", "Message", "User"]
__version__ = "0.1.0"
