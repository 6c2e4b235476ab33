@rem Lets the scripts of package.json say "exec node", so that signals reach the server itself, on Windows too.
@%*
