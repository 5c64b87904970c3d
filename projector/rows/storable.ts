/** Text as PostgreSQL can hold it: NUL, which it cannot, becomes U+FFFD. The record itself stands in schema ledger as it came. */
export const storable = (text: string): string => text.replaceAll('\0', '\ufffd')
