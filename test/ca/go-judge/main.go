// A second opinion on our certificates, by Go's crypto/x509 and by SPIFFE's own library: reads a chain and roots, both in PEM, and says for whom
// the chain speaks, or why it speaks for nobody.
//
//	go-judge CHAIN ROOTS TRUST_DOMAIN
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

func main() {
	if len(os.Args) != 4 {
		refuse("usage", fmt.Errorf("go-judge CHAIN ROOTS TRUST_DOMAIN"))
	}
	chain, roots := read(os.Args[1]), read(os.Args[2])
	if len(chain) == 0 || len(roots) == 0 {
		refuse("input", fmt.Errorf("no certificate"))
	}
	verify(chain, roots)
	trustDomain, err := spiffeid.TrustDomainFromString(os.Args[3])
	if err != nil {
		refuse("trust domain", err)
	}
	id, _, err := x509svid.Verify(chain, x509bundle.FromX509Authorities(trustDomain, roots))
	if err != nil {
		refuse("go-spiffe", err)
	}
	fmt.Println(id)
}

// As Go's TLS verifies a peer, for both ends of a connection.
func verify(chain, roots []*x509.Certificate) {
	options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
	for _, root := range roots {
		options.Roots.AddCert(root)
	}
	for _, certificate := range chain[1:] {
		options.Intermediates.AddCert(certificate)
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		options.KeyUsages = []x509.ExtKeyUsage{usage}
		if _, err := chain[0].Verify(options); err != nil {
			refuse("crypto/x509", err)
		}
	}
}

func read(file string) []*x509.Certificate {
	text, err := os.ReadFile(file)
	if err != nil {
		refuse("input", err)
	}
	var certificates []*x509.Certificate
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		if block == nil {
			return certificates
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			refuse("input", err)
		}
		certificates = append(certificates, certificate)
	}
}

func refuse(who string, err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", who, err)
	os.Exit(1)
}
