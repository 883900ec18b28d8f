"""Resources out of files, folders and standard input, and what in them cannot be checked."""

from cnai.policy.reading.files import Read as Read
from cnai.policy.reading.files import read as read
from cnai.policy.reading.problems import Problem as Problem
