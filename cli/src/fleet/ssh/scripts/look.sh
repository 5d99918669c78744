state
alive || last_words 8 | while IFS= read -r line; do say word "$line"; done
