"""Operations on AWS, through boto3."""
