"""HTTP as the SDK speaks it: requests, signatures, pages, refusals."""
