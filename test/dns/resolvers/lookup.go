// What Go's own resolver makes of each name, as the other programs here print it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sort"
)

func main() {
	resolver := &net.Resolver{PreferGo: true}
	found := map[string][]string{}
	for _, name := range os.Args[1:] {
		addresses, err := resolver.LookupHost(context.Background(), name)
		if err != nil {
			found[name] = nil
			continue
		}
		sort.Strings(addresses)
		found[name] = addresses
	}
	text, _ := json.Marshal(found)
	fmt.Println(string(text))
}
