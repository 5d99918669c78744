//! How agents and the command line reach a coordinator: its address, whom they trust, who they are, and the channel over
//! which they call it. With a fingerprint of its CA, a coordinator needs no name that resolves, and no certificate store knows it.
