# Visits the others by the names of their Services, once they are there.
set -e
until redis-cli -h redis ping 2>&1 | grep -q PONG; do sleep 0.2; done
until curl -fso /dev/null http://web/files/hello.txt; do sleep 0.2; done
echo "redis counts $(redis-cli -h redis incr visits)"
curl -fsS http://web/
curl -fsS http://web/files/hello.txt
