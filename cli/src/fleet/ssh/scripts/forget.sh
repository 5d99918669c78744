rm -f "$run/join-token"
