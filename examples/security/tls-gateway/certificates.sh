#!/bin/sh
# Makes an authority, certificates for the two hosts of the example and one for a client, a month long, in the folder `certificates`; and the Secrets
# that the Gateway names, in `secrets.yaml`. Run it again to renew them: a mesh that runs takes the new ones without dropping a connection.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p certificates
cd certificates
key="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
[ -f ca.crt ] || openssl req -x509 $key -keyout ca.key -out ca.crt -days 30 -subj '/CN=example authority' 2>/dev/null
issue() { # name, subject alternative name
  openssl req $key -keyout "$1.key" -out "$1.csr" -subj "/CN=$1" 2>/dev/null
  printf 'subjectAltName=%s\n' "$2" > "$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -out "$1.crt" -days 30 -extfile "$1.ext" 2>/dev/null
  rm "$1.csr" "$1.ext"
}
issue shop DNS:shop.example.com
issue blog DNS:blog.example.com
issue client DNS:client.example.com
encoded() { base64 < "$1" | tr -d '\n'; }
secret() { # name, certificate, further keys
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  namespace: istio-system\ntype: kubernetes.io/tls\ndata:\n' "$1"
  printf '  tls.crt: %s\n  tls.key: %s\n' "$(encoded "$2.crt")" "$(encoded "$2.key")"
}
{
  printf '# Made by certificates.sh. Not for keeping in a repository.\n'
  secret shop-certificate shop
  secret blog-certificate blog
  printf '  ca.crt: %s\n' "$(encoded ca.crt)"
} > ../secrets.yaml.new
mv ../secrets.yaml.new ../secrets.yaml
