/** What `hoop server password` prints: `scrypt$N$salt$hash`, salt and hash in base64url. */
export const passwordHashPattern = /^scrypt\$\d{4,7}\$[\w-]{22}\$[\w-]{43}$/
