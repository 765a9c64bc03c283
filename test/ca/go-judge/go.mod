module heddle/go-judge

go 1.19

require github.com/spiffe/go-spiffe/v2 v2.1.7

require github.com/zeebo/errs v1.3.0 // indirect
