"""Stands for a phone: oathtool --totp -b SECRET, by another implementation than the server's."""

import sys

import pyotp

if sys.argv[1:3] != ["--totp", "-b"] or len(sys.argv) != 4:
    sys.exit("usage: oathtool --totp -b SECRET")
print(pyotp.TOTP(sys.argv[3]).now())
