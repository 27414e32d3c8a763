/** What `hoop server password` prints: `scrypt$N$salt$hash`, N a power of two, salt and hash in base64url. */
export const passwordHashPattern = /^scrypt\$(?:16384|32768|65536|131072)\$[\w-]{22}\$[\w-]{43}$/
