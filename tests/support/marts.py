"""The marts of the contract, which tests of all marts go through, so that a new one is in each of them."""

from bi import contract

ALL = tuple(contract.marts())
# The only one with an address, and the only one that bi_reader may not read.
WITH_ADDRESSES = "recipients"
WITHOUT_ADDRESSES = tuple(name for name in ALL if name != WITH_ADDRESSES)
