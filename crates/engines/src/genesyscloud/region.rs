//! Where the API and the login of a region are (the vendor's SDKs).

/// Regions by the keys that the vendor's Terraform provider knows, with their domains.
const REGIONS: [(&str, &str); 18] = [
    ("us-east-1", "mypurecloud.com"),
    ("us-west-2", "usw2.pure.cloud"),
    ("us-east-2", "use2.us-gov-pure.cloud"),
    ("ca-central-1", "cac1.pure.cloud"),
    ("mx-central-1", "mxc1.pure.cloud"),
    ("sa-east-1", "sae1.pure.cloud"),
    ("eu-west-1", "mypurecloud.ie"),
    ("eu-west-2", "euw2.pure.cloud"),
    ("eu-central-1", "mypurecloud.de"),
    ("eu-central-2", "euc2.pure.cloud"),
    ("me-central-1", "mec1.pure.cloud"),
    ("ap-south-1", "aps1.pure.cloud"),
    ("ap-southeast-1", "apse1.pure.cloud"),
    ("ap-southeast-2", "mypurecloud.com.au"),
    ("ap-northeast-1", "mypurecloud.jp"),
    ("ap-northeast-2", "apne2.pure.cloud"),
    ("ap-northeast-3", "apne3.pure.cloud"),
    ("eusc-de-east-1", "edee1.eusc-pure.cloud"),
];

/// The URLs of a region's API and login, by its key or its domain.
pub(super) fn urls(region: &str) -> Option<(String, String)> {
    let (_, domain) = REGIONS.iter().find(|(key, domain)| *key == region || *domain == region)?;
    Some((format!("https://api.{domain}"), format!("https://login.{domain}")))
}

/// The keys of all regions, for a complaint.
pub(super) fn keys() -> String {
    REGIONS.map(|(key, _)| key).join(", ")
}
