#!/bin/sh
# Makes an authority and a certificate for the program outside, a month long, in the folder `certificates`; and the Secret with the authority that
# the DestinationRule names, in `secrets.yaml`.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p certificates
cd certificates
key="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
[ -f ca.crt ] || openssl req -x509 $key -keyout ca.key -out ca.crt -days 30 -subj '/CN=authority outside' 2>/dev/null
openssl req $key -keyout outside.key -out outside.csr -subj /CN=payments 2>/dev/null
printf 'subjectAltName=DNS:payments.example.com\n' > outside.ext
openssl x509 -req -in outside.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out outside.crt -days 30 -extfile outside.ext 2>/dev/null
rm outside.csr outside.ext
{
  printf '# Made by certificates.sh.\napiVersion: v1\nkind: Secret\nmetadata:\n  name: authority-outside\ntype: Opaque\ndata:\n'
  printf '  cacert: %s\n' "$(base64 < ca.crt | tr -d '\n')"
} > ../secrets.yaml.new
mv ../secrets.yaml.new ../secrets.yaml
